"""The private engine: floors from ground up to control, each importing only from those below it."""
