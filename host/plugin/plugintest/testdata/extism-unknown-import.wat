;; Imports a function that the host does not have.
(module
  (import "extism:host/user" "launch_missiles" (func (param i64) (result i64)))
  (memory (export "memory") 1)
  (func (export "mesh_register") (result i32) (i32.const 0)))
