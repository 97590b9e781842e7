-- needs: common, values
-- Deletes a value: namespace, key. Returns whether it was there.
local s, key = space(ARGV[1]), ARGV[2]
local old = find(s, key)
if old then drop(s, key, #old) end
settle(s)
return old and 1 or 0
