-- What all scripts begin with. KEYS[1] is the base of the shard's keys; the keys
-- of a script are made from it, so that all of them are in its slot.
local base = KEYS[1]
local clock = redis.call('TIME')
-- The server's time, in milliseconds and in microseconds since 1970.
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local micros = clock[1] * 1000000 + clock[2]

-- int writes a whole number as decimal text, up to 2^53. %d is twice as fast as
-- %.0f, and too short where the server is a 32-bit program.
local decimal = string.format('%d', 9007199254740992) == '9007199254740992' and '%d' or '%.0f'
local function int(n) return string.format(decimal, n) end

-- frame builds what is published, see frame.go; false is a field that is absent.
local function frame(...)
  local parts = {'\1'}
  for i = 1, select('#', ...) do
    local part = select(i, ...)
    if part then
      if type(part) == 'number' then part = int(part) end
      parts[#parts + 1] = struct.pack('>I4', #part)
      parts[#parts + 1] = part
    else
      parts[#parts + 1] = '\255\255\255\255'
    end
  end
  return table.concat(parts)
end

-- publish tells those who have subscribed to a channel of this shard.
local function publish(channel, text) redis.call(PUBLISH, base .. channel, text) end
