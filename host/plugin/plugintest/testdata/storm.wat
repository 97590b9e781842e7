;; Attacks a running host from within: its configuration is its registration
;; document, and the number of a handler says how. For the tests of the host.
;;
;;  1 replies with the payload             14 host call from outside the memory
;;  2 loops                                15 host call whose request is 4 GiB
;;  3 traps                                16 host call with a field of 4 GiB in it:
;;  4 recurses                                replies with the error's number
;;  5 two functions call each other        17 takes to outside
;;  6 recurses by call_indirect            18 answers from outside its memory
;;  7 grows its memory without end         19 answers with 4 GiB
;;  8 fills its memory without end         20 answers with a field of 4 GiB in it
;;  9 asks kv.get without end              21 logs "mine", then traps
;; 10 logs without end                     22 writes keys until one is refused:
;; 11 pushes to everyone without end          replies with the error's number
;; 12 pushes to nobody without end         23 answers with a megabyte
;; 13 prints without end                   24 asks kv.get, replies with the error's
;; 25 replies with the payload if it is an     number
;;    object, and traps otherwise
;;
;; Memory: constants up to 1024; scratch at 1024; settings at 2048; input and the
;; response at 65536.
(module
  (import "mesh" "config.get" (func $config (param i32 i32) (result i64)))
  (import "mesh" "log" (func $log (param i32 i32) (result i64)))
  (import "mesh" "kv.get" (func $kvGet (param i32 i32) (result i64)))
  (import "mesh" "kv.set" (func $kvSet (param i32 i32) (result i64)))
  (import "mesh" "broadcast" (func $broadcast (param i32 i32) (result i64)))
  (import "mesh" "connections.send" (func $send (param i32 i32) (result i64)))
  (import "mesh" "take" (func $take (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 40)
  (table funcref (elem $indirect))
  (type $self (func (param i32) (result i32)))

  ;; log: the level, absent, and the message "mine"
  (data (i32.const 16) "\ff\ff\ff\ff\04\00\00\00mine")
  ;; broadcast: the name "storm"
  (data (i32.const 32) "\05\00\00\00storm")
  ;; connections.send: to "nobody", the name "storm"
  (data (i32.const 48) "\0e\00\00\00\01\00\00\00\06\00\00\00nobody\05\00\00\00storm")
  ;; fd_write: one vector, of the line at 96
  (data (i32.const 80) "\60\00\00\00\06\00\00\00")
  (data (i32.const 96) "storm\0a")
  ;; kv.get: a key that says that it has 4 GiB less one byte behind it
  (data (i32.const 112) "\fe\ff\ff\ffk")
  ;; kv.get: the key "k"
  (data (i32.const 128) "\01\00\00\00k")
  ;; a response: the status 1, a body that says that it has 4 GiB
  (data (i32.const 144) "\08\00\00\00\01\00\00\00\00\00\00\00\fe\ff\ff\ff1")

  (func (export "mesh_abi_1"))

  ;; The document is the first field of what config.get answers.
  (func (export "mesh_register") (result i64)
    (drop (call $config (i32.const 0) (i32.const 0)))
    (call $take (i32.const 2048))
    (i64.or (i64.const 0x0000080400000000) (i64.extend_i32_u (i32.load (i32.const 2048)))))

  (func (export "mesh_alloc") (param $size i32) (result i32)
    (if (i32.gt_u (local.get $size) (i32.const 1048576)) (then (return (i32.const 0))))
    (i32.const 65536))

  (func $skip (param $at i32) (result i32)
    (if (i32.eq (i32.load (local.get $at)) (i32.const -1)) (then (return (i32.add (local.get $at) (i32.const 4)))))
    (i32.add (i32.add (local.get $at) (i32.const 4)) (i32.load (local.get $at))))

  ;; Replies with $length bytes at $ptr, in a response at 1310720, behind all input.
  (func $reply (param $ptr i32) (param $length i32) (result i64)
    (i32.store (i32.const 1310720) (i32.const 8))
    (i64.store (i32.const 1310724) (i64.const 1))
    (i32.store (i32.const 1310732) (local.get $length))
    (memory.copy (i32.const 1310736) (local.get $ptr) (local.get $length))
    (i64.or (i64.const 0x0014000000000000) (i64.extend_i32_u (i32.add (local.get $length) (i32.const 16)))))

  ;; Where field 6 of the request is, the payload.
  (func $payload (result i32)
    (local $at i32) (local $left i32)
    (local.set $at (i32.const 65536))
    (local.set $left (i32.const 6))
    (loop $next
      (local.set $at (call $skip (local.get $at)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $at))
  (func $echo (result i64)
    (call $reply (i32.add (call $payload) (i32.const 4)) (i32.load (call $payload))))

  ;; Replies with the number of the error of a host call, two digits.
  (func $number (param $result i64) (result i64)
    (local $n i32)
    (local.set $n (i32.wrap_i64 (i64.shr_u (local.get $result) (i64.const 32))))
    (i32.store8 (i32.const 1024) (i32.const 34))
    (i32.store8 (i32.const 1025) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 10))))
    (i32.store8 (i32.const 1026) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (i32.store8 (i32.const 1027) (i32.const 34))
    (call $reply (i32.const 1024) (i32.const 4)))

  (func $direct (param i32) (result i32)
    (i32.add (call $direct (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func $ping (param i32) (result i32)
    (i32.add (call $pong (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func $pong (param i32) (result i32)
    (i32.mul (call $ping (i32.add (local.get 0) (i32.const 1))) (i32.const 3)))
  (func $indirect (type $self)
    (i32.add (call_indirect (type $self) (i32.add (local.get 0) (i32.const 1)) (i32.const 0)) (i32.const 1)))

  ;; Writes keys of 4 letters with 60000 digits each, until one is refused.
  (func $flood (result i64)
    (local $n i32) (local $result i64)
    (i32.store (i32.const 65536) (i32.const 4))
    (i32.store (i32.const 65544) (i32.const 60000))
    (memory.fill (i32.const 65548) (i32.const 49) (i32.const 60000))
    (loop $next
      (i32.store8 (i32.const 65540) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15))))
      (i32.store8 (i32.const 65541) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 4)) (i32.const 15))))
      (i32.store8 (i32.const 65542) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 8)) (i32.const 15))))
      (i32.store8 (i32.const 65543) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 12)) (i32.const 15))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (local.set $result (call $kvSet (i32.const 65536) (i32.const 60012)))
      (br_if $next (i64.eqz (i64.shr_u (local.get $result) (i64.const 32)))))
    (call $number (local.get $result)))

  (func $attack (param $handler i32)
    (if (i32.eq (local.get $handler) (i32.const 2)) (then (loop $ever (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 3)) (then unreachable))
    (if (i32.eq (local.get $handler) (i32.const 4)) (then (drop (call $direct (i32.const 0)))))
    (if (i32.eq (local.get $handler) (i32.const 5)) (then (drop (call $ping (i32.const 0)))))
    (if (i32.eq (local.get $handler) (i32.const 6)) (then (drop (call $indirect (i32.const 0)))))
    (if (i32.eq (local.get $handler) (i32.const 7)) (then (loop $ever (drop (memory.grow (i32.const 1))) (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 8))
      (then (loop $ever (memory.fill (i32.const 65536) (i32.const 1) (i32.const 2555904)) (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 9))
      (then (loop $ever (drop (call $kvGet (i32.const 128) (i32.const 5))) (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 10))
      (then (loop $ever (drop (call $log (i32.const 16) (i32.const 12))) (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 11))
      (then (loop $ever (drop (call $broadcast (i32.const 32) (i32.const 9))) (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 12))
      (then (loop $ever (drop (call $send (i32.const 48) (i32.const 27))) (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 13))
      (then (loop $ever (drop (call $write (i32.const 1) (i32.const 80) (i32.const 1) (i32.const 1024))) (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 14)) (then (drop (call $kvGet (i32.const 0x7fff0000) (i32.const 16)))))
    (if (i32.eq (local.get $handler) (i32.const 15)) (then (drop (call $kvGet (i32.const 16) (i32.const -1)))))
    (if (i32.eq (local.get $handler) (i32.const 17))
      (then (drop (call $config (i32.const 0) (i32.const 0))) (call $take (i32.const -1))))
    (if (i32.eq (local.get $handler) (i32.const 21))
      (then (drop (call $log (i32.const 16) (i32.const 12))) unreachable)))

  (func (export "mesh_call") (param $handler i32) (param $ptr i32) (param $len i32) (result i64)
    (call $attack (local.get $handler))
    (if (i32.eq (local.get $handler) (i32.const 1)) (then (return (call $echo))))
    (if (i32.eq (local.get $handler) (i32.const 25))
      (then
        (if (i32.ne (i32.load8_u offset=4 (call $payload)) (i32.const 123)) (then unreachable))
        (return (call $echo))))
    (if (i32.eq (local.get $handler) (i32.const 16)) (then (return (call $number (call $kvGet (i32.const 112) (i32.const 5))))))
    (if (i32.eq (local.get $handler) (i32.const 18)) (then (return (i64.const 0x7fff000000000010))))
    (if (i32.eq (local.get $handler) (i32.const 19)) (then (return (i64.const 0x00000010ffffffff))))
    (if (i32.eq (local.get $handler) (i32.const 20)) (then (return (i64.const 0x0000009000000011))))
    (if (i32.eq (local.get $handler) (i32.const 22)) (then (return (call $flood))))
    (if (i32.eq (local.get $handler) (i32.const 23))
      (then
        (memory.fill (i32.const 65536) (i32.const 49) (i32.const 1048576))
        (return (call $reply (i32.const 65536) (i32.const 1048576)))))
    (if (i32.eq (local.get $handler) (i32.const 24)) (then (return (call $number (call $kvGet (i32.const 128) (i32.const 5))))))
    (i64.const 0))
)
