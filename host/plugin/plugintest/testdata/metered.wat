;; Contains by hand what the meter makes of a module. For the tests of the
;; runtime's part of it: 1 spins, 2 recurses, 3 counts down from a million, 4
;; returns at once.
(module
  (import "mesh_meter" "tick" (func $tick (param i64) (result i64)))
  (import "mesh_meter" "too_deep" (func $too_deep))
  (memory (export "memory") 2)
  (global $fuel (export "mesh_meter.fuel") (mut i64) (i64.const 0))
  (global $depth (mut i32) (i32.const 10000))
  (data (i32.const 16) "{\"name\":\"metered\",\"commands\":[{\"name\":\"hog\",\"handler\":1}]}")
  (func $refuel
    (global.set $fuel (call $tick (global.get $fuel))))
  (func (export "mesh_abi_1"))
  (func (export "mesh_register") (result i64) (i64.const 0x100000003a))
  (func (export "mesh_alloc") (param i32) (result i32) (i32.const 1024))
  (func $recurse (param i32) (result i32)
    (global.set $fuel (i64.sub (global.get $fuel) (i64.const 10)))
    (if (i64.lt_s (global.get $fuel) (i64.const 0)) (then (call $refuel)))
    (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))
    (if (i32.lt_s (global.get $depth) (i32.const 0)) (then (call $too_deep)))
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1))
    (global.set $depth (i32.add (global.get $depth) (i32.const 1))))
  (func (export "mesh_call") (param $handler i32) (param $ptr i32) (param $len i32) (result i64)
    (local $n i32)
    (global.set $fuel (i64.sub (global.get $fuel) (i64.const 10)))
    (if (i64.lt_s (global.get $fuel) (i64.const 0)) (then (call $refuel)))
    (if (i32.eq (local.get $handler) (i32.const 1))
      (then
        (loop $ever
          (global.set $fuel (i64.sub (global.get $fuel) (i64.const 10)))
          (if (i64.lt_s (global.get $fuel) (i64.const 0)) (then (call $refuel)))
          (br $ever))))
    (if (i32.eq (local.get $handler) (i32.const 2)) (then (drop (call $recurse (i32.const 0)))))
    (if (i32.eq (local.get $handler) (i32.const 3))
      (then
        (local.set $n (i32.const 1000000))
        (loop $down
          (global.set $fuel (i64.sub (global.get $fuel) (i64.const 10)))
          (if (i64.lt_s (global.get $fuel) (i64.const 0)) (then (call $refuel)))
          (br_if $down (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    (i64.const 0))
)
