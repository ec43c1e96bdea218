"""The lowest floor: dtypes, promotion, pytrees, configuration, errors. It imports nothing of cujax."""
