;; Imports a host function as what it is not.
(module
  (import "extism:host/user" "kv_get" (func (param i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "mesh_register") (result i32) (i32.const 0)))
