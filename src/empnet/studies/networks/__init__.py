"""Networks that only the exam needs."""
