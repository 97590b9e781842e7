-- needs: common, era, record
-- record_place returns the era, the last change of all, and of the record
-- ARGV[1] its last change, whether it has a value, whether it has ended, and, if
-- there is such a record and that change is not the one in ARGV (era, number),
-- epoch, number and value.
local seq = tonumber(redis.call('ZSCORE', base .. 'record-order', ARGV[1]) or 0)
local r = peek(ARGV[1])
local reply = {current_era(), tonumber(redis.call('GET', base .. 'record-seq') or 0), seq,
  r and r.value and 1 or 0, r and r.ended and 1 or 0}
if r and not r.ended and (ARGV[2] ~= current_era() or tonumber(ARGV[3]) < seq) then
  reply[6], reply[7], reply[8] = r.epoch, r.number, r.value
end
return reply
