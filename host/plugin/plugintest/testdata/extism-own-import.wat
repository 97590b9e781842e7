;; Imports from the module that the host keeps to itself.
(module
  (import "mesh_extism" "load_u8" (func (param i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "mesh_register") (result i32) (i32.const 0)))
