"""By how much a result may differ from its source, and what was measured to set each border. ``requirements`` holds results against them."""

from __future__ import annotations

LEAST_FALL = 0.20
"""A repair that takes away less than this part cannot be told from its source by eye; the article asks for 30-60 % of its own measure."""
STILL_LEVELS = 0.45
"""A band under this amplitude (8-bit levels) shows nothing, and encoding at crf 16 adds up to 0.4: it counts as gone, and as not gone up."""
BAND_RISE = 1.15
"""An untreated band may read this much higher: treatment and encoding change the frames that it is measured on."""
SCORE_RISE, SCORE_UNSEEN = 0.05, 0.45
"""At a flicker score of 0.5 flicker begins to show; a steady clip lies anywhere under 0.35 and moves when it is encoded again."""
CAMBI_RISE, CAMBI_UNSEEN = 1.0, 3.0
"""CAMBI: 5 is visible. Flicker hides banding as dither does, so a rise that stays under 3 is the picture's own."""
POSTERISATION_UNSEEN = 0.01
"""Share of the picture on coarse steps: 0.02 begins to show."""
BLOCKINESS_RISE, BLOCKINESS_UNSEEN = 0.08, 0.35
"""Two encodes of one clip differ by 0.07; 0.42 begins to show, and flicker hides what was there."""
PULSE_RISE_LEVELS, PULSE_UNSEEN_LEVELS = 0.3, 0.3
"""Beyond what hides it 0.4 levels begin to show."""
DETAIL_KEPT = (0.82, 1.30)
"""Gain of the detail that persists from frame to frame. Thirteen repairs of real clips keep 0.95-1.01 of it; encoding at crf 16 beneath
strong detail flicker 0.83; a blur of one pixel leaves 0.2-0.45, the median of three frames 0.75-0.80 where things move by two pixels, their
mean 0.16-0.32. An unsharp mask makes 1.46. Where little persists, a mean over frames reads up to 1.16.
"""
EDGES_KEPT = (0.80, 1.15)
EDGES_KEPT_ALONE = 0.88
"""Strength of each frame's strong edges: a perfect repair keeps 0.96 or more, a double image 0.65-0.78. Where nothing persists from
frame to frame the edges are the only witness of detail; a blur of one pixel leaves 0.86 of them.
"""
SOFTER = 0.9
"""Squared Laplacian of a result below which it is said to be softer."""
SHARPNESS_KEPT, SHARPNESS_UNSEEN = (0.70, 1.25), 20.0
"""Squared Laplacian, grain included, where detail is not treated: crf 16 keeps 0.80 of it or more. Real clips have over 80; what a soft
picture has is rounding.
"""
MOTION_KEPT = 0.60
"""Part of the change that the source's motion explains: a perfect repair keeps 0.88 or more, of heavy flicker (part of which the flow
takes for motion) 0.7; a clip frozen half-way none.
"""
LOST_MOTION = 0.10
"""Part of the moving frames on which motion may be missing: an encoder skips the faintest. None may repeat the one before it altogether."""
LUMA_SHIFT_LEVELS = 1.5
CHROMA_SHIFT_LEVELS = 1.0
CHANCE = 3.0  # standard errors
"""Lasting change of the mean, beyond what flicker itself leaves in it. Rounding in 8-bit filters moves it by up to one level; two begin
to show in a cut between original and result.
"""
CONTRAST = (0.93, 1.07)
"""Slope of the mean picture, which a perfect repair of strong patches keeps within 0.03."""
LOCAL_LUMA_LEVELS, LOCAL_CHROMA_LEVELS = 2.5, 2.0
"""Lasting change of any one place a tenth of the picture wide, beyond chance. Thirteen repairs of real clips: 0-0.9 and 0-0.8; a tint of 6
RGB levels on a third of the picture: 2.7-3.2, a light of 8: 2.8-6.2.
"""
LEAST_CALM = 0.05
"""Places must change less from frame to frame where brightness was treated. Repairs of real clips leave 0.10-0.84 of the change, of slow
pulses 0.78-0.84; one gain a frame on a clip whose trees enter the picture 1.02.
"""
JUMP_LEVELS, JUMP = 4.0, 2.0
"""By how much more than the source's (levels, and parts of the source's mean change) a tenth of the picture may change in one frame: those
repairs 0-1.55 parts; the gain above 2.8.
"""
HALO = 0.005
"""Overshoot beside edges, in parts of their contrast. Those repairs: 0.0001-0.002; unsharp masks (radius 1.2-10, amount 0.7-0.3):
0.006-0.023.
"""
GHOST = 0.10
"""Strength of a second image. Those repairs: 0.002-0.02; a ghost of a quarter of the picture's strength: 0.25-0.33."""
GRAIN_KEPT = 0.60
"""Squared Laplacian in the quieter half of the picture, where detail is not treated: those repairs keep 0.86-1.1 of it, crf 16 of a grain of
1.5 levels 0.69; a denoiser leaves 0.18-0.39.
"""
EVEN_REPAIR, EVEN_DETAIL, EVEN_GRAIN = 0.80, 0.91, 0.58
"""Where only every second frame was changed: a frame interpolated between two untouched ones reads as calm. Of flicker 0.31-0.54 is left
in one half for each 1 in the other (those repairs: 0.94 and more); of detail the interpolated frames keep 0.80-0.89 of what the others do
(those repairs: 0.95 and more); of all that is fine, flickering or not, 0.38-0.53 (those repairs: 0.63, where the encoder's own frames
alternate, and 0.94 and more).
"""
INSERTED_PULSE_LEVELS = 0.5
"""Brightness and colour of inserted frames against source frames: half a level at half the frame rate is not seen."""
INSERTED_SHARPNESS = 0.50
"""Inserted frames are softer (they are warped); under half their neighbours' energy the result pulses in sharpness."""
INSERTED_FOLLOWS = 0.50
"""1 follows the motion, 0 is a cross-fade with double edges. Frames that repeat a neighbour, because they would have been ghosts, are
counted apart. Frames under RIFE's own limit for ghosts have 0.55-1.3 where anything moves by more than encoding hides.
"""
INSERTED_REPEATS = 0.50
"""Part of the inserted frames that may repeat a neighbour where things move: with more of them the clip moves as it did before."""
