"""Python's own tests of multiprocessing, with processes that are forked; the arguments select tests."""

import unittest

from test import _test_multiprocessing

_test_multiprocessing.install_tests_in_module_dict(globals(), "fork")

if __name__ == "__main__":
    unittest.main()
