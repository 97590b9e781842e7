;; Computes, for benchmarks: 1 sums up ten million numbers in a tight loop; 2 reads
;; 64 KiB as a JSON reader does, byte by byte with a branch for each; 3 calls a
;; small function a million times, 4 a function that calls itself: Fibonacci of 25;
;; 5 is 1 a hundred times.
(module
  (memory (export "memory") 4)
  (data (i32.const 16) "{\"name\":\"work\",\"commands\":[{\"name\":\"work\",\"handler\":1}]}")
  (func (export "mesh_abi_1"))
  (func (export "mesh_register") (result i64) (i64.const 0x1000000038)) ;; 56 bytes at 16
  (func (export "mesh_alloc") (param i32) (result i32) (i32.const 1024))

  (func $sum (param $n i32) (result i64) (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.extend_i32_u (local.get $n))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  (func $scan (result i32) (local $at i32) (local $depth i32) (local $strings i32) (local $c i32)
    (local.set $at (i32.const 131072))
    (loop $next
      (block $done
        (local.set $c (i32.load8_u (local.get $at)))
        (if (i32.eq (local.get $c) (i32.const 34))
          (then (local.set $strings (i32.add (local.get $strings) (i32.const 1))) (br $done)))
        (if (i32.or (i32.eq (local.get $c) (i32.const 123)) (i32.eq (local.get $c) (i32.const 91)))
          (then (local.set $depth (i32.add (local.get $depth) (i32.const 1))) (br $done)))
        (if (i32.or (i32.eq (local.get $c) (i32.const 125)) (i32.eq (local.get $c) (i32.const 93)))
          (then (local.set $depth (i32.sub (local.get $depth) (i32.const 1))))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 196608))))
    (i32.add (local.get $depth) (local.get $strings)))

  (func $step (param i32) (result i32)
    (i32.xor (i32.mul (local.get 0) (i32.const 1664525)) (i32.const 1013904223)))
  (func $steps (param $n i32) (result i32) (local $x i32)
    (loop $next
      (local.set $x (call $step (i32.add (local.get $x) (local.get $n))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))

  (func $fibonacci (param i32) (result i32)
    (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
    (i32.add
      (call $fibonacci (i32.sub (local.get 0) (i32.const 1)))
      (call $fibonacci (i32.sub (local.get 0) (i32.const 2)))))

  (func (export "mesh_call") (param $handler i32) (param $ptr i32) (param $len i32) (result i64)
    (if (i32.eq (local.get $handler) (i32.const 1)) (then (i64.store (i32.const 8) (call $sum (i32.const 10000000)))))
    (if (i32.eq (local.get $handler) (i32.const 2)) (then (i32.store (i32.const 8) (call $scan))))
    (if (i32.eq (local.get $handler) (i32.const 3)) (then (i32.store (i32.const 8) (call $steps (i32.const 1000000)))))
    (if (i32.eq (local.get $handler) (i32.const 4)) (then (i32.store (i32.const 8) (call $fibonacci (i32.const 25)))))
    (if (i32.eq (local.get $handler) (i32.const 5)) (then (i64.store (i32.const 8) (call $sum (i32.const 1000000000)))))
    (i64.const 0))
)
