-- needs: common, values
-- Adds to an integer: namespace, key, by how much, milliseconds to live of a new
-- one, limit in bytes; 0 of either is none. Returns the sum as text. Lua's
-- numbers are doubles: Redis does the sum, which is undone where it does not fit
-- in.
local s, key = space(ARGV[1]), ARGV[2]
local old = find(s, key)

local function sum()
  if old and old ~= '0' and not string.find(old, '^%-?[1-9]%d*$') then return nil, 'NOTINTEGER' end
  local answer = redis.pcall('HINCRBY', s.hash, key, ARGV[3])
  if type(answer) ~= 'table' then return redis.call('HGET', s.hash, key) end
  if string.find(answer.err, 'overflow', 1, true) then return nil, 'OVERFLOW' end
  if string.find(answer.err, 'not an integer', 1, true) then return nil, 'NOTINTEGER' end
  return nil, answer.err
end

local function increment()
  local value, wrong = sum()
  if not value then return nil, wrong end
  local more = growth(key, old, value)
  if not room(s, more, tonumber(ARGV[5])) then
    if old then redis.call('HSET', s.hash, key, old) else redis.call('HDEL', s.hash, key) end
    return nil, 'FULL'
  end
  s.bytes = s.bytes + more
  if not old then ending(s, key, tonumber(ARGV[4])) end
  return value
end

local value, wrong = increment()
settle(s)
if value then return value end
if string.find(wrong, ' ', 1, true) then return redis.error_reply(wrong) end
return redis.error_reply('MESH ' .. wrong)
