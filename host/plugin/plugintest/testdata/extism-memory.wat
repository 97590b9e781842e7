;; Cannot start with less than 64 MiB.
(module
  (import "extism:host/env" "input_length" (func (result i64)))
  (memory (export "memory") 1024)
  (func (export "mesh_register") (result i32) (i32.const 0)))
