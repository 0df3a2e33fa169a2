"""Zhongshu 中枢: a hub on which a city runs its public services, grid by grid."""

__version__ = "0.1.0"
