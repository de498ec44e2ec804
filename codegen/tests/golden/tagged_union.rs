// --- types/full/others.rs

/// `Circle` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Circle {
    /// `radius` on the wire.
    pub radius: f64,
}
record!(received Circle ["kind" "circle"] {
    Required radius "radius",
});

/// A shape, recognised by its kind.
#[derive(Clone)]
#[non_exhaustive]
pub enum Shape {
    /// Circle.
    Circle(Circle),
    /// Itself a union, of two kinds.
    Polygon(ShapePolygon),
    /// Nothing but a dot.
    Dot(ShapeDot),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
tagged!(Shape "kind" {
    Circle(Circle) "circle",
    Polygon(ShapePolygon) "triangle" | "square",
    Dot(ShapeDot) "dot",
});

/// Nothing but a dot.
#[derive(Clone)]
#[non_exhaustive]
pub struct ShapeDot {
    /// `at` on the wire.
    pub at: Vec<f64>,
}
record!(received ShapeDot ["kind" "dot"] {
    Required at "at",
});

/// Itself a union, of two kinds.
#[derive(Clone)]
#[non_exhaustive]
pub enum ShapePolygon {
    /// Triangle.
    Triangle(Triangle),
    /// Square.
    Square(Square),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
tagged!(ShapePolygon "kind" {
    Triangle(Triangle) "triangle",
    Square(Square) "square",
});

/// `Square` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Square {
    /// `side` on the wire.
    pub side: f64,
}
record!(received Square ["kind" "square"] {
    Required side "side",
});

/// `Triangle` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Triangle {}
record!(received Triangle ["kind" "triangle"] {});
