"""A child that wants more memory than it may have."""

from antiphon.isolated import bound

if __name__ == "__main__":
    bound()
    bytearray(1 << 32)
