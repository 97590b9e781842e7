-- needs: common, inbox, presence, leave
-- Ends the memberships of some connections in a room, and returns whose there were.
local room, reason, own, left = ARGV[1], ARGV[2], ARGV[3], {}
for i = 4, #ARGV do
  if leave(room, ARGV[i], reason, redis.call('HGET', base .. 'conn:' .. ARGV[i], 'node')) then
    left[#left + 1] = ARGV[i]
  end
end
return {place(own), left}
