"""The baseline of clouds and classes: a random forest on invariant descriptors."""
