;; Resolvers of collections. Its configuration is its registration document, and
;; the number of a handler says how it behaves. Rebuilt with:
;; wat2wasm resolver.wat -o resolver.wasm
;;
;;  1 replies with the name that it is called by: the collection ["a"] has a
;;  2 replies with the value of the record that is called like the collection, if
;;    that is an array
;;  3 replies with the connection as the only record
;;  4 replies with 100,000 ids, "r00000" to "r99999"
;;  5 goes on: there are no records, a guard allows
;;  6 refuses
;;
;; Memory: the input at 64 KiB, results of host calls at 1 MiB, the response at
;; 2 MiB.
(module
  (import "mesh" "config.get" (func $config (param i32 i32) (result i64)))
  (import "mesh" "records.get" (func $get (param i32 i32) (result i64)))
  (import "mesh" "take" (func $take (param i32)))

  (memory (export "memory") 64)

  (func (export "mesh_abi_1"))

  (func (export "mesh_alloc") (param $size i32) (result i32)
    (if (i32.gt_u (local.get $size) (i32.const 0xf0000))
      (then (return (i32.const 0))))
    (i32.const 0x10000))

  (func (export "mesh_register") (result i64)
    (drop (call $config (i32.const 0) (i32.const 0)))
    (call $take (i32.const 0x100000))
    ;; One field: its length and its bytes.
    (i64.or
      (i64.const 0x0010000400000000) ;; at 1 MiB + 4
      (i64.extend_i32_u (i32.load (i32.const 0x100000)))))

  (func $skip (param $at i32) (result i32)
    (local $length i32)
    (local.set $length (i32.load (local.get $at)))
    (if (i32.eq (local.get $length) (i32.const -1))
      (then (return (i32.add (local.get $at) (i32.const 4)))))
    (i32.add (i32.add (local.get $at) (i32.const 4)) (local.get $length)))

  ;; The response with a status, and a body that is there already.
  (func $answer (param $status i64) (param $length i32) (result i64)
    (i32.store (i32.const 0x200000) (i32.const 8))
    (i64.store (i32.const 0x200004) (local.get $status))
    (i32.store (i32.const 0x20000c) (local.get $length))
    (i64.or
      (i64.const 0x0020000000000000)
      (i64.extend_i32_u (i32.add (local.get $length) (i32.const 16)))))

  ;; Replies with a copy of bytes.
  (func $reply (param $ptr i32) (param $length i32) (result i64)
    (memory.copy (i32.const 0x200010) (local.get $ptr) (local.get $length))
    (call $answer (i64.const 1) (local.get $length)))

  (func $many (result i64)
    (local $n i32) (local $at i32) (local $rest i32) (local $digit i32)
    (local.set $at (i32.const 0x200010))
    (i32.store8 (local.get $at) (i32.const 0x5b)) ;; [
    (loop $next
      (i32.store8 offset=1 (local.get $at) (i32.const 0x22)) ;; "
      (i32.store8 offset=2 (local.get $at) (i32.const 0x72)) ;; r
      (local.set $rest (local.get $n))
      (local.set $digit (i32.add (local.get $at) (i32.const 7)))
      (loop $digits
        (i32.store8 (local.get $digit) (i32.add (i32.rem_u (local.get $rest) (i32.const 10)) (i32.const 0x30)))
        (local.set $rest (i32.div_u (local.get $rest) (i32.const 10)))
        (local.set $digit (i32.sub (local.get $digit) (i32.const 1)))
        (br_if $digits (i32.gt_u (local.get $digit) (i32.add (local.get $at) (i32.const 2)))))
      (i32.store8 offset=8 (local.get $at) (i32.const 0x22))
      (i32.store8 offset=9 (local.get $at) (i32.const 0x2c)) ;; ,
      (local.set $at (i32.add (local.get $at) (i32.const 9)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (i32.const 100000))))
    (i32.store8 (local.get $at) (i32.const 0x5d)) ;; ]
    (call $answer (i64.const 1) (i32.sub (local.get $at) (i32.const 0x20000f))))

  (func (export "mesh_call") (param $handler i32) (param $ptr i32) (param $len i32) (result i64)
    (local $name i32) (local $connection i32) (local $length i32)
    (local.set $name (call $skip (i32.const 0x10000)))
    (local.set $length (i32.load (local.get $name)))
    (if (i32.eq (local.get $handler) (i32.const 1))
      (then (return (call $reply (i32.add (local.get $name) (i32.const 4)) (local.get $length)))))
    (if (i32.eq (local.get $handler) (i32.const 2))
      (then
        ;; records.get's request has the name as its only field.
        (if (i32.wrap_i64 (i64.shr_u (call $get (local.get $name) (i32.add (local.get $length) (i32.const 4))) (i64.const 32)))
          (then unreachable))
        (call $take (i32.const 0x100000))
        (if (i32.ne (i32.load8_u (i32.const 0x100004)) (i32.const 0x5b))
          (then (return (i64.const 0))))
        (return (call $reply (i32.const 0x100004) (i32.load (i32.const 0x100000))))))
    (if (i32.eq (local.get $handler) (i32.const 3))
      (then
        (local.set $connection (call $skip (local.get $name)))
        (local.set $length (i32.load (local.get $connection)))
        (if (i32.eq (local.get $length) (i32.const -1))
          (then (return (i64.const 0))))
        (i32.store16 (i32.const 0x200010) (i32.const 0x225b)) ;; ["
        (memory.copy (i32.const 0x200012) (i32.add (local.get $connection) (i32.const 4)) (local.get $length))
        (i32.store16 (i32.add (local.get $length) (i32.const 0x200012)) (i32.const 0x5d22)) ;; "]
        (return (call $answer (i64.const 1) (i32.add (local.get $length) (i32.const 4))))))
    (if (i32.eq (local.get $handler) (i32.const 4)) (then (return (call $many))))
    (if (i32.eq (local.get $handler) (i32.const 5)) (then (return (i64.const 0))))
    (if (i32.eq (local.get $handler) (i32.const 6))
      (then
        (drop (call $answer (i64.const 3) (i32.const 0)))
        (return (i64.const 0x002000000000000c))))
    unreachable)
)
