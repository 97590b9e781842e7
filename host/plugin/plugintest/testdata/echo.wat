;; The smallest plugin that is of use: command "echo" answers with its payload.
;; The request belongs to the guest while it is called, so the response is
;; written over it: the header of the payload's own field becomes that of the
;; body, and the status goes in front of it.
;; Memory: the registration document at 16, the input buffer at 4096.
(module
  (memory (export "memory") 1)

  (data (i32.const 16) "{\"name\":\"echo\",\"commands\":[{\"name\":\"echo\",\"handler\":1}]}")

  (func (export "mesh_abi_1"))

  (func (export "mesh_register") (result i64)
    (i64.const 0x0000001000000038)) ;; 56 bytes at 16

  (func (export "mesh_alloc") (param $size i32) (result i32)
    (local $missing i32)
    (local.set $missing
      (i32.sub
        (i32.add (local.get $size) (i32.const 69631)) ;; 4096, and rounded up to a page
        (i32.shl (memory.size) (i32.const 16))))
    (if (i32.gt_s (local.get $missing) (i32.const 65535))
      (then
        (if (i32.eq (memory.grow (i32.shr_u (local.get $missing) (i32.const 16))) (i32.const -1))
          (then (return (i32.const 0))))))
    (i32.const 4096))

  (func (export "mesh_call") (param $handler i32) (param $ptr i32) (param $len i32) (result i64)
    (local $field i32) (local $length i32) (local $skip i32)
    ;; After the kind: name, connection, user, metadata, locals; then the payload.
    (local.set $field (i32.add (local.get $ptr) (i32.const 12)))
    (local.set $skip (i32.const 5))
    (loop $next
      (local.set $length (i32.load (local.get $field)))
      (local.set $field
        (i32.add
          (i32.add (local.get $field) (i32.const 4))
          (select (i32.const 0) (local.get $length) (i32.eq (local.get $length) (i32.const -1)))))
      (br_if $next (local.tee $skip (i32.sub (local.get $skip) (i32.const 1)))))
    (local.set $length (i32.load (local.get $field)))
    (local.set $field (i32.sub (local.get $field) (i32.const 12)))
    (i32.store (local.get $field) (i32.const 8))
    (i64.store offset=4 (local.get $field) (i64.const 1)) ;; reply
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $field)) (i64.const 32))
      (i64.extend_i32_u
        (i32.add
          (select (i32.const 0) (local.get $length) (i32.eq (local.get $length) (i32.const -1)))
          (i32.const 16))))))
