"""Loops over Arrow buffers, compiled by numba: numpy arrays in, numpy arrays out; they know nothing of tamis.

Every text kernel takes `data` (u8[:], the bytes of all texts) and `offsets` (i64[n+1]; text i is
`data[offsets[i]:offsets[i+1]]`), valid UTF-8 unless it says otherwise. Importing a kernel module compiles it, or loads
what an earlier process compiled: see `tamis.kernels.cache`.
"""
