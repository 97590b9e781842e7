-- needs: common, era, record
-- record_list reads records, ids in ARGV from the third on, in their order: as
-- many as hold ARGV[1] bytes together, and one in any case; with values where
-- ARGV[2] is 1. Returns for each that was looked at its epoch, number and value,
-- no number where it has ended, and no epoch where there is nothing to be seen.
local room, values, all, listed = tonumber(ARGV[1]), ARGV[2] == '1', {}, 0
for i = 3, #ARGV do
  local r = peek(ARGV[i])
  local seen = r and r.value and not r.ended
  if seen and values then
    room = room - #r.value
    if room < 0 and listed > 0 then break end
  end
  if seen then listed = listed + 1 end
  all[#all + 1] = r and r.value and r.epoch or false
  all[#all + 1] = seen and r.number or false
  all[#all + 1] = seen and values and r.value or false
end
return all
