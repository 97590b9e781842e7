(module ;; what never ends, in all the ways that there are
  (memory 16 16)
  (table $t 1000 1000 funcref)
  (type $plain (func))
  (elem (table $t) (i32.const 0) func $indirect)
  (elem $again declare func $indirect)
  (global $sink (mut i32) (i32.const 0))

  (func (export "loop") (loop $l (br $l)))
  (func (export "loops") (local $i i32)
    (loop $outer
      (local.set $i (i32.const 3))
      (loop $inner
        (br_if $inner (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br $outer)))
  (func (export "br_table") (loop $l (block $b (br_table $l $b $l (i32.const 7)))))

  ;; Many short functions with loops, each of which stays within its credit.
  (func $short (local $i i32)
    (local.set $i (i32.const 100))
    (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
  (func (export "short") (loop $l (call $short) (br $l)))

  ;; Leaves that are charged to their callers.
  (func $leaf (global.set $sink (i32.add (global.get $sink) (i32.const 1))))
  (func $leaves (call $leaf) (call $leaf))
  (func (export "leaves") (loop $l (call $leaves) (call $leaves) (br $l)))

  (func $direct (export "direct") (call $direct))
  (func $even (export "mutual") (call $odd))
  (func $odd (call $even))
  (func $indirect (export "indirect") (call_indirect (type $plain) (i32.const 0)))
  (func $wide (export "wide") (result i32 i64 f32)
    (call $wide) (return))
  ;; It calls itself and comes back, ever again: depth is restored.
  (func $tree (export "tree") (param i32)
    (if (local.get 0) (then
      (call $tree (i32.sub (local.get 0) (i32.const 1)))
      (call $tree (i32.sub (local.get 0) (i32.const 1))))))

  (func (export "fill") (loop $l
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 1048576)) (br $l)))
  (func (export "copy") (loop $l
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 1048575)) (br $l)))
  (func (export "table_fill") (loop $l
    (table.fill $t (i32.const 0) (ref.null func) (i32.const 1000)) (br $l)))
  (func (export "table_copy") (loop $l
    (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 999)) (br $l)))
  (func (export "grow") (loop $l
    (drop (memory.grow (i32.const 1))) (br $l)))
  (func (export "table_grow") (loop $l
    (drop (table.grow $t (ref.func $indirect) (i32.const 1))) (br $l))))
