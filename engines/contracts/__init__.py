"""The types that cross package borders: what engines are given and what they answer."""
