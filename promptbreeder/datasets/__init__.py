"""Datasets: text of a file -> rows -> columns -> examples. Pure: reading files and asking users is done elsewhere."""
