-- Asks in turn for the paths that the environment names, and tells the outcome as JSON.
local requests, last = {}, 0

function init()
  wrk.headers["Authorization"] = os.getenv("AUTHORIZATION")
  wrk.headers["Accept"] = os.getenv("ACCEPT")
  for path in os.getenv("PATHS"):gmatch("%S+") do
    table.insert(requests, wrk.format("GET", path))
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary)
  local errors = summary.errors
  io.stderr:write(string.format('{"requests":%d,"seconds":%f,"refused":%d,"broken":%d}',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
