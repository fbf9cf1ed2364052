"""The functions that the episodes share: each is taught in an episode, or draws a picture."""
