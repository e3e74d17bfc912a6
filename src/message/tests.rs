//! Every storage kind moved, copied and closed; free functions; memory of C.
