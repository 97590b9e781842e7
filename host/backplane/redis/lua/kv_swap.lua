-- needs: common, values
-- Writes or deletes a value if it is the expected one: namespace, key, whether
-- one is expected, which, whether one is to be written, which, milliseconds to
-- live, limit in bytes; 0 of either is none. Returns whether it did, and the
-- value that was there instead.
local s, key = space(ARGV[1]), ARGV[2]
local old = find(s, key)

local function swap()
  if old ~= (ARGV[3] == '1' and ARGV[4] or nil) then return {0, old} end
  if ARGV[5] == '1' then
    if not put(s, key, old, ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])) then
      return redis.error_reply('MESH FULL')
    end
  elseif old then
    drop(s, key, #old)
  end
  return {1}
end

local answer = swap()
settle(s)
return answer
