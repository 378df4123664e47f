"""What acrcast is made of besides itself: locks, licences, known vulnerabilities, and a bill of materials."""
