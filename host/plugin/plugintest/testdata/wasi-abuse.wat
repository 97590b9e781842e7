;; Makes the host work much for one call of WASI, again and again, each handler in
;; its own way. For the tests of the host.
;;
;;  1 polls 80,000 subscriptions
;;  2 reads into 1,000,000 vectors that are empty
;;  3 opens a path of 8 MiB
;;  4 prints 8 MiB of empty lines
;;  5 asks for 8 MiB of randomness
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 200)
  (data (i32.const 16) "{\"name\":\"abuse\",\"commands\":[{\"name\":\"abuse\",\"handler\":1}]}")

  (func (export "mesh_abi_1"))
  (func (export "mesh_register") (result i64) (i64.const 0x100000003a)) ;; 58 bytes at 16
  (func (export "mesh_alloc") (param i32) (result i32) (i32.const 1024))

  (func (export "mesh_call") (param $handler i32) (param $ptr i32) (param $len i32) (result i64)
    (if (i32.eq (local.get $handler) (i32.const 4))
      (then
        (memory.fill (i32.const 0x100000) (i32.const 10) (i32.const 0x800000))
        (i32.store (i32.const 8) (i32.const 0x100000))
        (i32.store (i32.const 12) (i32.const 0x800000))))
    (loop $again
      (if (i32.eq (local.get $handler) (i32.const 1))
        (then (drop (call $poll (i32.const 0x100000) (i32.const 0x100000) (i32.const 80000) (i32.const 0)))))
      (if (i32.eq (local.get $handler) (i32.const 2))
        (then (drop (call $read (i32.const 0) (i32.const 0x100000) (i32.const 1000000) (i32.const 0)))))
      (if (i32.eq (local.get $handler) (i32.const 3))
        (then (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0x100000) (i32.const 0x800000)
          (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)))))
      (if (i32.eq (local.get $handler) (i32.const 4))
        (then (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))
      (if (i32.eq (local.get $handler) (i32.const 5))
        (then (drop (call $random (i32.const 0x100000) (i32.const 0x800000)))))
      (br $again))
    (unreachable)))
