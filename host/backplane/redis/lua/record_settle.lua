-- needs: common, era, record
-- record_settle settles the records of ARGV, as many as hold about ARGV[1] bytes
-- together, and returns the versions that it has made.
local room = tonumber(ARGV[1])
for i = 2, #ARGV do
  local ok, r = pcall(load, ARGV[i])
  if not ok then
    redis.call('ZREM', base .. 'record-ends', ARGV[i]) -- another program's by now
  else
    room = room - r.size
    settle(r)
    -- Whatever was there, it is not due any more.
    if r.ends then schedule(r, r.ends) else redis.call('ZREM', base .. 'record-ends', r.id) end
  end
  if room < 0 then break end
end
return settled
