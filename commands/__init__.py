"""The commands of the terminal: options in, one service call, a table or JSON out."""
