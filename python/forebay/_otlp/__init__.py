"""A reader of OTLP in the standard library alone: for the command line, and for tests.

What Forebay sends is encoded in C++. This is the other direction, written apart from it and from
the protobuf runtime, so that ``forebay cat`` needs neither and so that the two can be held against
each other. It trusts nothing that it reads: lengths, depth and sizes are bounded.
"""
