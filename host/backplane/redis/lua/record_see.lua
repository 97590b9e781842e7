-- needs: common, era, record
-- record_see reads a record and, if ARGV has an epoch and a number too, the
-- patches since that version. Returns epoch, number, value and, if they lead to
-- it, patches; 1 where time has done something to the record that is to be
-- settled first; nothing where there is none.
local id = ARGV[1]
local f = redis.call('HMGET', base .. 'record:' .. id, 'e', 'n', 'v', 'x', 'r')
if not f[1] then return false end
local ends = tonumber(f[4] or 0)
if ends > 0 and ends <= now then
  redis.call('LLEN', base .. 'patches:' .. id) -- fails where nobody could settle it
  return 1
end

local reply = {told(f[1]), f[2], f[3]}
if ARGV[2] == reply[1] then
  local log, missed = base .. 'patches:' .. id, f[2] - tonumber(ARGV[3])
  if missed == 0 then
    reply[4] = {}
  elseif missed > 0 and f[5] == current_era() and missed <= redis.call('LLEN', log) then
    reply[4] = redis.call('LRANGE', log, -missed, -1)
  end
end
return reply
