"""The hand-off to editing programs: markers where something was found, as EDL and OpenTimelineIO."""
