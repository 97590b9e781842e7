;; Command "which" answers "two".
(module
  (memory (export "memory") 1)
  (func (export "mesh_abi_1"))
  (func (export "mesh_alloc") (param i32) (result i32) (i32.const 4096))
  (data (i32.const 16) "{\"name\":\"which\",\"commands\":[{\"name\":\"which\",\"handler\":1}]}")
  (func (export "mesh_register") (result i64) (i64.const 0x000000100000003a)) ;; 58 bytes at 16
  (data (i32.const 1024) "\08\00\00\00\01\00\00\00\00\00\00\00\05\00\00\00\"two\"")
  (func (export "mesh_call") (param i32 i32 i32) (result i64) (i64.const 0x0000040000000015)) ;; 21 bytes at 1024
)
