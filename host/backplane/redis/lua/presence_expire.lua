-- needs: common, presence
local due = redis.call('ZRANGEBYSCORE', base .. 'state-ends', '-inf', int(now), 'LIMIT', 0, ARGV[1])
for _, name in ipairs(due) do
  local room = #name >= 4 and struct.unpack('>I4', name) or 0
  -- First, so that what cannot be cleared does not keep what is due after it.
  redis.call('ZREM', base .. 'state-ends', name)
  clear(string.sub(name, 5, 4 + room), string.sub(name, 5 + room))
end
return #due
