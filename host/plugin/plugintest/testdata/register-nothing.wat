;; Registers nothing.
(module
  (memory (export "memory") 1)
  (func (export "mesh_abi_1"))
  (func (export "mesh_alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "mesh_call") (param i32 i32 i32) (result i64) (i64.const 0))
  (data (i32.const 16) "{\"name\":\"nothing\"}")
  (func (export "mesh_register") (result i64) (i64.const 0x0000001000000012)) ;; 18 bytes at 16
)
