;; Registers, in every instance, a version made of random letters.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "mesh_abi_1"))
  (func (export "mesh_alloc") (param i32) (result i32) (i32.const 4096))
  (data (i32.const 16) "{\"version\":\"................\",\"commands\":[{\"name\":\"moody\",\"handler\":1},{\"name\":\"moody.spin\",\"handler\":2}]}")
  (func (export "mesh_register") (result i64)
    (local $at i32)
    (drop (call $random (i32.const 28) (i32.const 16)))
    (local.set $at (i32.const 28))
    (loop $next
      (i32.store8 (local.get $at)
        (i32.add (i32.and (i32.load8_u (local.get $at)) (i32.const 15)) (i32.const 97)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 44))))
    (i64.const 0x000000100000006a))
  (func (export "mesh_call") (param $handler i32) (param i32 i32) (result i64)
    (if (i32.eq (local.get $handler) (i32.const 2)) (then (loop $ever (br $ever))))
    (i64.const 0)))
