-- needs: common, presence
local room = ARGV[1]
-- States that have ended are cleared first, for what is told of them later has to
-- be true of the snapshot. Most times none has ended, anywhere.
if #redis.call('ZRANGEBYSCORE', base .. 'state-ends', '-inf', int(now), 'LIMIT', 0, 1) > 0 then
  for _, id in ipairs(redis.call('HKEYS', base .. 'states:' .. room)) do lapse(room, id) end
end
-- Where the room's own number is gone, its events are among all so far.
local seq = redis.call('GET', base .. 'room-seq:' .. room) or redis.call('GET', base .. 'presence-seq')
local all, present = redis.call('HGETALL', base .. 'room:' .. room), {}
for i = 1, #all, 2 do
  if all[i + 1] == '1' then present[#present + 1] = all[i] end
end
return {seq, present, redis.call('HGETALL', base .. 'states:' .. room)}
