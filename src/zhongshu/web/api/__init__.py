"""The public interface, version 1. One file per noun."""
