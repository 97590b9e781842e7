;; Loops in mesh_alloc.
(module
  (memory (export "memory") 1)
  (func (export "mesh_abi_1"))
  (func (export "mesh_alloc") (param i32) (result i32) (loop $ever (br $ever)) (i32.const 4096))
  (data (i32.const 16) "{\"commands\":[{\"name\":\"bad\",\"handler\":1}]}")
  (func (export "mesh_register") (result i64) (i64.const 0x0000001000000029)) ;; 41 bytes at 16
  (func (export "mesh_call") (param i32 i32 i32) (result i64) (i64.const 0)))
