;; Command "flood" makes one call of fd_write with 400,000 vectors of a megabyte
;; each: a host call that no check inside the guest can end.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 80)

  (data (i32.const 16) "{\"name\":\"flood\",\"commands\":[{\"name\":\"flood\",\"handler\":1}]}")

  (func (export "mesh_abi_1"))

  (func (export "mesh_register") (result i64)
    (i64.const 0x000000100000003A)) ;; 58 bytes at 16

  (func (export "mesh_alloc") (param i32) (result i32) (i32.const 4096))

  ;; The vectors are at 1 MiB, what they point to is from 0 to 1 MiB.
  (func (export "mesh_call") (param $handler i32) (param $ptr i32) (param $len i32) (result i64)
    (local $at i32) (local $left i32)
    (local.set $at (i32.const 1048576))
    (local.set $left (i32.const 400000))
    (loop $next
      (i32.store offset=4 (local.get $at) (i32.const 1048576))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (drop (call $fd_write (i32.const 1) (i32.const 1048576) (i32.const 400000) (i32.const 8)))
    (loop $again (br $again))
    (unreachable)))
