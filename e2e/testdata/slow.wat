;; Commands "slow" and, concurrent, "slow.beside": they sleep for 400 ms and
;; reply "slow". Rebuilt with: wat2wasm slow.wat -o slow.wasm
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)

  (data (i32.const 16) "{\"name\":\"slow\",\"commands\":[{\"name\":\"slow\",\"handler\":1},{\"name\":\"slow.beside\",\"handler\":1,\"concurrent\":true}]}")
  ;; the response: status 1, body "slow"
  (data (i32.const 1024) "\08\00\00\00\01\00\00\00\00\00\00\00\06\00\00\00\"slow\"")

  (func (export "mesh_abi_1"))
  (func (export "mesh_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "mesh_register") (result i64) (i64.const 0x000000100000006d)) ;; 109 bytes at 16

  (func (export "mesh_call") (param i32 i32 i32) (result i64)
    ;; subscription: userdata, clock (tag 0), monotonic, timeout, precision, flags
    (memory.fill (i32.const 2048) (i32.const 0) (i32.const 48))
    (i32.store (i32.const 2064) (i32.const 1))
    (i64.store (i32.const 2072) (i64.const 400000000))
    (drop (call $poll (i32.const 2048) (i32.const 3072) (i32.const 1) (i32.const 3200)))
    (i64.const 0x0000040000000016)) ;; 22 bytes at 1024
)
