"""The figures of the README, each beside its raw limit or a peer in the same run."""
