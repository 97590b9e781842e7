-- needs: common, era, record
-- record_missed returns the era, the last change of all, the last one that has
-- been forgotten, whether this is the end, and records that have changed after
-- the change ARGV[1], in the order of their last changes: id, change, epoch,
-- number, value, at most ARGV[2] and as many as hold ARGV[3] bytes, but one. One
-- that has ended, or is another program's, has no epoch.
local most, room, list = tonumber(ARGV[2]), tonumber(ARGV[3]), {}
local order = {}
if most > 0 then
  order = redis.call('ZRANGEBYSCORE', base .. 'record-order', '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, most)
end
local ended = #order < 2 * most
for i = 1, #order, 2 do
  local r = peek(order[i])
  local seen = r and not r.ended
  if seen and r.value then
    room = room - #r.value
    if room < 0 and #list > 0 then
      ended = false
      break
    end
  end
  list[#list + 1] = order[i]
  list[#list + 1] = int(tonumber(order[i + 1]))
  list[#list + 1] = seen and r.epoch or false
  list[#list + 1] = seen and r.number or false
  list[#list + 1] = seen and r.value or false
end
return {current_era(), tonumber(redis.call('GET', base .. 'record-seq') or 0),
  tonumber(redis.call('GET', base .. 'record-floor') or 0), ended and 1 or 0, list}
