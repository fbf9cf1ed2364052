"""The functions that the episodes share, each taught in an episode or too dull to teach."""
