;; Does what it is told: its configuration is its registration document, and
;; the number of a handler says how it behaves. For the tests of the host.
;;
;;  1 replies with the payload         15 answers with an error of its own
;;  2 replies with the locals          16 refuses without a reason
;;  3 spins                            17 refuses with HTTP status 403
;;  4 traps                            18 goes on with another payload and locals
;;  5 recurses without end             19 goes on
;;  6 grows its memory, then traps     20 replies "early"
;;  7 answers from outside its memory  21 prints a line, and part of one
;;  8 answers with 4 GiB               22 logs the name it is called by
;;  9 replies with what is not JSON    23 sleeps for an hour
;; 10 answers with a truncated field   24 grows its table, replies with the result
;; 11 answers with an unknown status   25 replies with an identity
;; 12 exits                            26 replies with a wrong identity
;; 13 asks the host from outside       27 goes on with locals that are no object
;; 14 takes to outside                 28 answers with an error that is truncated
;; 30 replies with the error number    29 answers with an error whose data is not JSON
;;    of a host call that fails        31 replies with the error of that call
;; 32 replies with the detail's first field, a string
;;
;; Memory: stack of nothing; constants up to 1024; scratch at 1024; results of
;; host calls at 2048; the response at 65536 + capacity; input at 65536.
(module
  (import "mesh" "config.get" (func $config (param i32 i32) (result i64)))
  (import "mesh" "log" (func $log (param i32 i32) (result i64)))
  (import "mesh" "kv.get" (func $kvGet (param i32 i32) (result i64)))
  (import "mesh" "take" (func $take (param i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 2)
  (table $table 1 funcref)
  (global $capacity (mut i32) (i32.const 0))

  (data (i32.const 64) "first line\nsecond")
  (data (i32.const 96) "{\"shaped\":true}")
  (data (i32.const 112) "{\"by\":\"puppet\"}")
  (data (i32.const 128) "\"early\"")
  (data (i32.const 136) "{\"user\":\"ada\",\"metadata\":{\"a\":1}}")
  (data (i32.const 176) "{\"user\":5}")
  (data (i32.const 188) "[1]")
  (data (i32.const 192) "no json")
  ;; errors: code, name, message, data, HTTP status
  (data (i32.const 256) "\04\00\00\00EOWN\08\00\00\00OwnError\03\00\00\00own\07\00\00\00{\"a\":1}")
  (data (i32.const 320) "\04\00\00\00EOWN\08\00\00\00OwnError\02\00\00\00no\ff\ff\ff\ff\08\00\00\00\93\01\00\00\00\00\00\00")
  (data (i32.const 384) "\04\00\00\00EOWN\ff\00\00\00")
  (data (i32.const 416) "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\03\00\00\00{a}")

  (func (export "mesh_abi_1"))

  (func (export "mesh_register") (result i64)
    (call $take_at (call $config (i32.const 0) (i32.const 0)) (i32.const 2048))
    ;; One field: its length and its bytes.
    (i64.or
      (i64.const 0x0000080400000000) ;; at 2052
      (i64.extend_i32_u (i32.load (i32.const 2048)))))

  (func $take_at (param $result i64) (param $ptr i32)
    (call $take (local.get $ptr)))

  (func (export "mesh_alloc") (param $size i32) (result i32)
    (local $missing i32)
    (local.set $missing
      (i32.sub
        (i32.add (i32.shl (local.get $size) (i32.const 1)) (i32.const 132000)) ;; 65536 + 929, rounded up
        (i32.shl (memory.size) (i32.const 16))))
    (if (i32.gt_s (local.get $missing) (i32.const 65535))
      (then
        (if (i32.eq (memory.grow (i32.shr_u (local.get $missing) (i32.const 16))) (i32.const -1))
          (then (return (i32.const 0))))))
    (global.set $capacity (local.get $size))
    (i32.const 65536))

  (func $skip (param $at i32) (result i32)
    (local $length i32)
    (local.set $length (i32.load (local.get $at)))
    (if (i32.eq (local.get $length) (i32.const -1))
      (then (return (i32.add (local.get $at) (i32.const 4)))))
    (i32.add (i32.add (local.get $at) (i32.const 4)) (local.get $length)))

  ;; The field with a number from 0.
  (func $field (param $number i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 65536))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $number)))
        (local.set $at (call $skip (local.get $at)))
        (local.set $number (i32.sub (local.get $number) (i32.const 1)))
        (br $next)))
    (local.get $at))

  ;; Builds the response: a status, a copy of the field at $field, and then
  ;; the field made of $length bytes at $ptr, if any.
  (func $out (result i32)
    (i32.add (i32.const 65536) (global.get $capacity)))
  (func $begin (param $status i64)
    (i32.store (call $out) (i32.const 8))
    (i64.store offset=4 (call $out) (local.get $status)))
  (func $answer (param $status i64) (param $ptr i32) (param $length i32) (result i64)
    (call $begin (local.get $status))
    (i32.store offset=12 (call $out) (local.get $length))
    (memory.copy (i32.add (call $out) (i32.const 16)) (local.get $ptr) (local.get $length))
    (call $located (i32.add (i32.const 16) (local.get $length))))
  (func $copy (param $status i64) (param $field i32) (result i64)
    (local $size i32)
    (call $begin (local.get $status))
    (local.set $size (i32.sub (call $skip (local.get $field)) (local.get $field)))
    (memory.copy (i32.add (call $out) (i32.const 12)) (local.get $field) (local.get $size))
    (call $located (i32.add (i32.const 12) (local.get $size))))
  (func $located (param $length i32) (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (call $out)) (i64.const 32))
      (i64.extend_i32_u (local.get $length))))

  ;; A reply that is the digits of $n, negative as -1.
  (func $number (param $n i32) (result i64)
    (if (i32.lt_s (local.get $n) (i32.const 0))
      (then
        (i32.store16 (i32.const 1024) (i32.const 0x312d))
        (return (call $answer (i64.const 1) (i32.const 1024) (i32.const 2)))))
    (i32.store8 (i32.const 1024) (i32.add (i32.div_u (local.get $n) (i32.const 10)) (i32.const 48)))
    (i32.store8 (i32.const 1025) (i32.add (i32.rem_u (local.get $n) (i32.const 10)) (i32.const 48)))
    (if (i32.lt_u (local.get $n) (i32.const 10))
      (then (return (call $answer (i64.const 1) (i32.const 1025) (i32.const 1)))))
    (call $answer (i64.const 1) (i32.const 1024) (i32.const 2)))

  ;; Asks kv.get for the key "k"; an error or a value waits to be taken.
  (func $ask (result i64)
    (i32.store (i32.const 1024) (i32.const 1))
    (i32.store8 (i32.const 1028) (i32.const 107))
    (call $kvGet (i32.const 1024) (i32.const 5)))

  (func $recurse (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))

  (func $sleep
    ;; subscription: userdata, clock (tag 0), monotonic, timeout, precision, flags
    (memory.fill (i32.const 1024) (i32.const 0) (i32.const 48))
    (i32.store (i32.const 1040) (i32.const 1))
    (i64.store (i32.const 1048) (i64.const 3600000000000))
    (drop (call $poll (i32.const 1024) (i32.const 1100) (i32.const 1) (i32.const 1200))))

  (func $print
    (i32.store (i32.const 1024) (i32.const 64))
    (i32.store (i32.const 1028) (i32.const 17))
    (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 1100))))

  ;; log's request: the level, absent, and the name as the message.
  (func $log_name
    (local $field i32) (local $size i32)
    (local.set $field (call $field (i32.const 1)))
    (local.set $size (i32.sub (call $skip (local.get $field)) (local.get $field)))
    (i32.store (i32.const 1024) (i32.const -1))
    (memory.copy (i32.const 1028) (local.get $field) (local.get $size))
    (drop (call $log (i32.const 1024) (i32.add (i32.const 4) (local.get $size)))))

  (func (export "mesh_call") (param $handler i32) (param $ptr i32) (param $len i32) (result i64)
    (local $error i64)
    (if (i32.eq (local.get $handler) (i32.const 1)) (then (return (call $copy (i64.const 1) (call $field (i32.const 6))))))
    (if (i32.eq (local.get $handler) (i32.const 2)) (then (return (call $copy (i64.const 1) (call $field (i32.const 5))))))
    (if (i32.eq (local.get $handler) (i32.const 3)) (then (loop $ever (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 4)) (then unreachable))
    (if (i32.eq (local.get $handler) (i32.const 5)) (then (drop (call $recurse (i32.const 0)))))
    (if (i32.eq (local.get $handler) (i32.const 6))
      (then
        (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        unreachable))
    (if (i32.eq (local.get $handler) (i32.const 7)) (then (return (i64.const 0x7fff000000000010))))
    (if (i32.eq (local.get $handler) (i32.const 8)) (then (return (i64.const 0x00000000ffffffff))))
    (if (i32.eq (local.get $handler) (i32.const 9)) (then (return (call $answer (i64.const 1) (i32.const 192) (i32.const 7)))))
    (if (i32.eq (local.get $handler) (i32.const 10))
      (then
        (drop (call $answer (i64.const 1) (i32.const 128) (i32.const 7)))
        (return (call $located (i32.const 20)))))
    (if (i32.eq (local.get $handler) (i32.const 11)) (then (return (call $answer (i64.const 9) (i32.const 128) (i32.const 7)))))
    (if (i32.eq (local.get $handler) (i32.const 12)) (then (call $exit (i32.const 0))))
    (if (i32.eq (local.get $handler) (i32.const 13)) (then (drop (call $log (i32.const 0x7fff0000) (i32.const 16)))))
    (if (i32.eq (local.get $handler) (i32.const 14))
      (then
        (drop (call $config (i32.const 0) (i32.const 0)))
        (call $take (i32.const -1))))
    (if (i32.eq (local.get $handler) (i32.const 15)) (then (return (call $answer (i64.const 2) (i32.const 256) (i32.const 38)))))
    (if (i32.eq (local.get $handler) (i32.const 16))
      (then
        (call $begin (i64.const 3))
        (return (call $located (i32.const 12)))))
    (if (i32.eq (local.get $handler) (i32.const 17)) (then (return (call $answer (i64.const 3) (i32.const 320) (i32.const 42)))))
    (if (i32.eq (local.get $handler) (i32.const 18))
      (then
        (drop (call $answer (i64.const 0) (i32.const 96) (i32.const 15)))
        (i32.store offset=31 (call $out) (i32.const 15))
        (memory.copy (i32.add (call $out) (i32.const 35)) (i32.const 112) (i32.const 15))
        (return (call $located (i32.const 50)))))
    (if (i32.eq (local.get $handler) (i32.const 19)) (then (return (i64.const 0))))
    (if (i32.eq (local.get $handler) (i32.const 20)) (then (return (call $answer (i64.const 1) (i32.const 128) (i32.const 7)))))
    (if (i32.eq (local.get $handler) (i32.const 21)) (then (call $print) (return (i64.const 0))))
    (if (i32.eq (local.get $handler) (i32.const 22)) (then (call $log_name) (return (i64.const 0))))
    (if (i32.eq (local.get $handler) (i32.const 23)) (then (call $sleep) (return (i64.const 0))))
    (if (i32.eq (local.get $handler) (i32.const 24))
      (then (return (call $number (table.grow $table (ref.null func) (i32.const 1000000000))))))
    (if (i32.eq (local.get $handler) (i32.const 25)) (then (return (call $answer (i64.const 1) (i32.const 136) (i32.const 33)))))
    (if (i32.eq (local.get $handler) (i32.const 26)) (then (return (call $answer (i64.const 1) (i32.const 176) (i32.const 10)))))
    (if (i32.eq (local.get $handler) (i32.const 27))
      (then
        (call $begin (i64.const 0))
        (i32.store offset=12 (call $out) (i32.const -1))
        (i32.store offset=16 (call $out) (i32.const 3))
        (memory.copy (i32.add (call $out) (i32.const 20)) (i32.const 188) (i32.const 3))
        (return (call $located (i32.const 23)))))
    (if (i32.eq (local.get $handler) (i32.const 28)) (then (return (call $answer (i64.const 2) (i32.const 384) (i32.const 12)))))
    (if (i32.eq (local.get $handler) (i32.const 29)) (then (return (call $answer (i64.const 2) (i32.const 416) (i32.const 19)))))
    (if (i32.eq (local.get $handler) (i32.const 30))
      (then (return (call $number (i32.wrap_i64 (i64.shr_u (call $ask) (i64.const 32)))))))
    (if (i32.eq (local.get $handler) (i32.const 31))
      (then
        (local.set $error (call $ask))
        (call $take (i32.const 2048))
        (return (call $answer (i64.const 2) (i32.const 2048) (i32.wrap_i64 (local.get $error))))))
    (if (i32.eq (local.get $handler) (i32.const 32))
      (then
        ;; quoted in place: the detail's first field is a string without quotes
        (local.set $ptr (i32.add (call $field (i32.const 7)) (i32.const 4)))
        (i32.store8 (i32.const 1024) (i32.const 34))
        (local.set $len (i32.load (local.get $ptr)))
        (memory.copy (i32.const 1025) (i32.add (local.get $ptr) (i32.const 4)) (local.get $len))
        (i32.store8 (i32.add (i32.const 1025) (local.get $len)) (i32.const 34))
        (return (call $answer (i64.const 1) (i32.const 1024) (i32.add (local.get $len) (i32.const 2))))))
    unreachable)
)
