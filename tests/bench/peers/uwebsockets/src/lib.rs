//! No code: this package says where the sources of `server.cpp` come from.
