"""Losses, gradients, and the steps that lower them."""
