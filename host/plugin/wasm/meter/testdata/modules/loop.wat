(module ;; the tightest loop: counts down
  (func (export "run") (param i32) (result i32)
    (loop $next
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0)))
